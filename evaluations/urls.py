from django.urls import path

from evaluations import views

app_name = "evaluations"
urlpatterns = [
    path("criteria/", views.criterion_list, name="criteria"),
    path("criteria/new/", views.criterion_new, name="criterion_new"),
    path("criteria/<uuid:public_id>/", views.criterion_detail, name="criterion"),
    path("criteria/<uuid:public_id>/edit/", views.criterion_edit, name="criterion_edit"),
    path("criteria/<uuid:public_id>/archive/", views.criterion_archive, name="criterion_archive"),
]
