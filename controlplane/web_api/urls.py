"""Routes of `/api/v1`, and the one of `/agent/v1` that is plain HTTP."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

from controlplane.accounts.access import Action
from controlplane.web_api.views.accounts import TokenListView, TokenView, UserListView, UserView
from controlplane.web_api.views.agents import EnrollView
from controlplane.web_api.views.api_view import ApiView
from controlplane.web_api.views.containers import (
    ContainerActionView,
    ContainerListView,
    ContainerStatsView,
    ContainerTopView,
    ContainerView,
    TerminalListView,
)
from controlplane.web_api.views.hosts import EnrolmentListView, EnrolmentView, HostListView, HostView
from controlplane.web_api.views.installing import InstallerView, SourceView
from controlplane.web_api.views.jobs import (
    AuditListView,
    HealthView,
    JobCancelView,
    JobListView,
    JobOutputView,
    JobRetryView,
    JobView,
    OverviewView,
)
from controlplane.web_api.views.objects import (
    EventListView,
    ImageListView,
    ImagePullView,
    ImageView,
    NetworkListView,
    NetworkView,
    VolumeListView,
    VolumeView,
)
from controlplane.web_api.views.session import SessionView, SetupView

__all__ = ["agent_urlpatterns", "urlpatterns"]


class SchemaView(SpectacularJSONAPIView, ApiView):
    """This API's OpenAPI document."""

    actions = {"GET": Action.SCHEMA_READ}
    permission_classes = ApiView.permission_classes


container = "hosts/<str:host_ref>/containers/<str:container_ref>"
urlpatterns = [
    path("setup", SetupView.as_view()),
    path("session", SessionView.as_view()),
    path("overview", OverviewView.as_view()),
    path("health", HealthView.as_view()),
    path("schema", SchemaView.as_view()),
    path("hosts", HostListView.as_view()),
    path("hosts/<str:ref>", HostView.as_view()),
    path("enrolments", EnrolmentListView.as_view()),
    path("enrolments/<uuid:enrolment_id>", EnrolmentView.as_view()),
    path("containers", ContainerListView.as_view()),
    path(container, ContainerView.as_view()),
    path(f"{container}/actions", ContainerActionView.as_view()),
    path(f"{container}/stats", ContainerStatsView.as_view()),
    path(f"{container}/top", ContainerTopView.as_view()),
    path(f"{container}/terminals", TerminalListView.as_view()),
    path("images", ImageListView.as_view()),
    path("images/pull", ImagePullView.as_view()),
    path("hosts/<str:host_ref>/images/<path:image_ref>", ImageView.as_view()),
    path("volumes", VolumeListView.as_view()),
    path("hosts/<str:host_ref>/volumes/<str:name>", VolumeView.as_view()),
    path("networks", NetworkListView.as_view()),
    path("hosts/<str:host_ref>/networks/<str:network_ref>", NetworkView.as_view()),
    path("events", EventListView.as_view()),
    path("jobs", JobListView.as_view()),
    path("jobs/<str:ref>", JobView.as_view()),
    path("jobs/<str:ref>/output", JobOutputView.as_view()),
    path("jobs/<str:ref>/cancel", JobCancelView.as_view()),
    path("jobs/<str:ref>/retry", JobRetryView.as_view()),
    path("tokens", TokenListView.as_view()),
    path("tokens/<uuid:token_id>", TokenView.as_view()),
    path("users", UserListView.as_view()),
    path("users/<uuid:user_id>", UserView.as_view()),
    path("audit", AuditListView.as_view()),
]
agent_urlpatterns = [
    path("enroll", EnrollView.as_view()),
    path("install", InstallerView.as_view()),
    path("source.tar.gz", SourceView.as_view()),
]
