"""The call pages of this app; `klix_site.urls` joins them with the page of one call under the namespace `calls`."""

from django.urls import path

from calls import import_views, operator_views, views

urlpatterns = [
    path("", views.call_list, name="list"),
    path("new/", views.place, name="place"),
    path("import/", import_views.import_recording, name="import"),
    path("<uuid:public_id>/hang-up/", views.hang_up, name="hang_up"),
    path("<uuid:public_id>/say/", operator_views.say, name="say"),
    path("<uuid:public_id>/take-over/", operator_views.take_over, name="take_over"),
    path("<uuid:public_id>/recording/", views.recording, name="recording"),
]
