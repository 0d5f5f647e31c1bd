"""Users of each role."""

from django.contrib.auth.models import User

from klix_site.rights import Role
from klix_site.roles import give_role


def viewer(name: str = "vera") -> User:
    return give_role(User.objects.create_user(name, f"{name}@example.com"), Role.VIEWER)


def operator(name: str = "olga") -> User:
    return give_role(User.objects.create_user(name, f"{name}@example.com"), Role.OPERATOR)


def admin(name: str = "adam") -> User:
    return give_role(User.objects.create_user(name, f"{name}@example.com"), Role.ADMIN)
