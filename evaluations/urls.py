from django.urls import path

from evaluations import draft_views, label_views, views

app_name = "evaluations"
urlpatterns = [
    path("agents/<uuid:public_id>/drafts/", draft_views.drafts, name="drafts_new"),
    path("criteria/", views.criterion_list, name="criteria"),
    path("criteria/new/", views.criterion_new, name="criterion_new"),
    path("criteria/<uuid:public_id>/", views.criterion_detail, name="criterion"),
    path("criteria/<uuid:public_id>/edit/", views.criterion_edit, name="criterion_edit"),
    path("criteria/<uuid:public_id>/archive/", views.criterion_archive, name="criterion_archive"),
    path("criteria/<uuid:public_id>/rescore/", views.criterion_rescore, name="criterion_rescore"),
    path("criteria/<uuid:public_id>/labels/", label_views.label_sheet, name="labels"),
    path("criteria/<uuid:public_id>/labels.csv", label_views.labels_csv, name="labels_csv"),
    path("criteria/<uuid:public_id>/labels/upload/", label_views.labels_upload, name="labels_upload"),
    path("criteria/<uuid:public_id>/labels/<uuid:verdict_id>/", label_views.label_on_sheet, name="label"),
]
