"""The groups behind the roles, with the permissions that Django's admin asks for. Made after each migration."""

from typing import Any, Final

from django.apps import AppConfig
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q

from klix_site.rights import Role

OURS: Final = ("agents", "calls", "evaluations", "klix_site")
# What an operator may add and change in the admin; everything else there is an administrator's.
DESIGN: Final = ("agent", "persona", "scenario", "criterion", "suite")


def make_groups(sender: AppConfig, using: str = "default", **_: Any) -> None:
    """Receiver of `post_migrate`: the permissions exist by then. Repeatable; it takes away no permission."""
    ours = Permission.objects.using(using).filter(content_type__app_label__in=OURS)
    viewing = Q(codename__startswith="view_") & ~Q(content_type__app_label="klix_site")
    design = Q(content_type__model__in=DESIGN) & (Q(codename__startswith="add_") | Q(codename__startswith="change_"))
    people = Permission.objects.using(using).filter(content_type__app_label="auth", content_type__model="user")
    _grant(using, Role.VIEWER, ours.filter(viewing))
    _grant(using, Role.OPERATOR, ours.filter(viewing | design))
    _grant(using, Role.ADMIN, ours | people)


def _grant(using: str, role: Role, permissions: Any) -> None:
    group, _ = Group.objects.using(using).get_or_create(name=role)
    group.permissions.add(*permissions)


def give_role(user: User, role: Role) -> User:
    """This role and no other."""
    user.groups.remove(*Group.objects.filter(name__in=list(Role)))
    user.groups.add(Group.objects.get(name=role))
    return user


def follow_groups(instance: Any, action: str, reverse: bool, pk_set: set[int] | None, **_: Any) -> None:
    """Receiver of `m2m_changed`: administrators may enter Django's admin, those who were some may not any more."""
    if not action.startswith("post_"):
        return
    users = [instance] if not reverse else User.objects.filter(pk__in=pk_set or ())
    for user in users:
        is_admin = user.is_superuser or user.groups.filter(name=Role.ADMIN).exists()
        if user.is_staff != is_admin:
            user.is_staff = is_admin
            user.save(update_fields=["is_staff"])
