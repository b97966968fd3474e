"""Jobs, the audit record, the overview, health."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.accounts.access import Action, Target
from controlplane.accounts.actor import Principal
from controlplane.audit.actions import authorise_and_record
from controlplane.audit.selectors import list_entries
from controlplane.jobs.actions import cancel
from controlplane.jobs.choices import ENDED
from controlplane.jobs.models import Job
from controlplane.jobs.selectors import get_job, list_jobs, list_lines
from controlplane.kernel.clock import rfc3339
from controlplane.kernel.pagination import page_of
from controlplane.orchestrator.actions import retry_job
from controlplane.web_api.health import health_report
from controlplane.web_api.serializers.jobs import (
    AuditSerializer,
    HealthSerializer,
    JobOutputSerializer,
    JobSerializer,
    OverviewSerializer,
)
from controlplane.web_api.serializers.paging import PAGE_PARAMETERS, paged, text_parameters
from controlplane.web_api.shapes.hosts import HostRefs
from controlplane.web_api.shapes.jobs import audit_dict, job_dict
from controlplane.web_api.shapes.overview import overview_dict
from controlplane.web_api.views.api_view import ApiView
from wire.errors import Invalid

__all__ = [
    "AuditListView", "HealthView", "JobCancelView", "JobListView", "JobOutputView", "JobRetryView", "JobView",
    "OverviewView",
]  # fmt: skip


class OverviewView(ApiView):
    """The first page."""

    actions = {"GET": Action.OVERVIEW_READ}

    @extend_schema(operation_id="overview_get", responses=OverviewSerializer)
    def get(self, request: Request) -> Response:
        """Return counts, what needs attention, recent activity and capacity."""
        return Response(overview_dict(self.actor.organisation_id))


class JobListView(ApiView):
    """All jobs."""

    actions = {"GET": Action.JOB_READ}

    @extend_schema(
        operation_id="jobs_list",
        parameters=[*text_parameters("q", "host", "target", state="several with commas"), *PAGE_PARAMETERS],
        responses=paged("JobPage", JobSerializer),
    )
    def get(self, request: Request) -> Response:
        """List jobs, newest first."""
        host = self.host(self.param("host")) if self.param("host") else None
        query = list_jobs(
            self.actor.organisation_id, state=self.param("state"), host_id=host.pk if host else None, q=self.param("q")
        )
        if target := self.param("target"):
            query = query.filter(target_id=target)
        page, refs = page_of(query, self.param("page"), self.param("page_size")), HostRefs()
        return self.paged(page, [job_dict(job, refs) for job in page.rows])


class JobView(ApiView):
    """One job, by id or number."""

    actions = {"GET": Action.JOB_READ}

    @extend_schema(operation_id="jobs_get", responses=JobSerializer)
    def get(self, request: Request, ref: str) -> Response:
        """Return one job."""
        return Response(job_dict(get_job(self.actor.organisation_id, ref), HostRefs()))


class JobOutputView(ApiView):
    """A job's output."""

    actions = {"GET": Action.JOB_READ}

    @extend_schema(
        operation_id="jobs_output",
        parameters=[OpenApiParameter("after", int, required=False, description="number of the last line seen")],
        responses=JobOutputSerializer,
    )
    def get(self, request: Request, ref: str) -> Response:
        """Return output lines after a number, at most 1000."""
        job = get_job(self.actor.organisation_id, ref)
        after = self.param("after") or "0"
        if not after.isdecimal() or len(after) > 12:
            raise Invalid("after must be a number")
        lines = list_lines(job, int(after))
        last = lines[-1].n if lines else int(after)
        shapes = [{"n": line.n, "at": rfc3339(line.at), "stream": line.stream, "text": line.text} for line in lines]
        return Response({"lines": shapes, "done": job.state in ENDED and last >= job.line_count})


class _JobChangeView(ApiView):
    actions = {"POST": Action.JOB_CHANGE}

    def recorded_job(self, ref: str, detail: str) -> Job:
        """Authorise the change of one job and record it."""
        job = get_job(self.actor.organisation_id, ref)
        target = Target("job", str(job.uid), job.title, job.organisation_id, job.host_id)
        authorise_and_record(self.actor, Action.JOB_CHANGE, target, request_id=self.request_id, detail=detail)
        return job


class JobCancelView(_JobChangeView):
    """Stopping a job."""

    @extend_schema(operation_id="jobs_cancel", request=None, responses=JobSerializer)
    def post(self, request: Request, ref: str) -> Response:
        """Cancel: at once while queued, soon while running."""
        job = self.recorded_job(ref, "cancel")
        cancel(job)
        job.refresh_from_db()
        return Response(job_dict(job, HostRefs()))


class JobRetryView(_JobChangeView):
    """Trying a job again."""

    @extend_schema(operation_id="jobs_retry", request=None, responses={202: JobSerializer})
    def post(self, request: Request, ref: str) -> Response:
        """Submit a failed or cancelled job again as a new one."""
        again = retry_job(self.actor, self.recorded_job(ref, "retry"), request_id=self.request_id)
        return Response(job_dict(again, HostRefs()), status=202)


class AuditListView(ApiView):
    """The record."""

    actions = {"GET": Action.AUDIT_READ}

    @extend_schema(
        operation_id="audit_list",
        parameters=[*text_parameters("q", "action", "actor"), *PAGE_PARAMETERS],
        responses=paged("AuditPage", AuditSerializer),
    )
    def get(self, request: Request) -> Response:
        """List entries, newest first."""
        query = list_entries(
            self.actor.organisation_id, q=self.param("q"), action=self.param("action"), actor=self.param("actor")
        )
        page = page_of(query, self.param("page"), self.param("page_size"))
        return self.paged(page, [audit_dict(entry) for entry in page.rows])


class HealthView(ApiView):
    """How the plane itself is."""

    actions = {"GET": Action.HEALTH_READ}

    @extend_schema(operation_id="health_get", responses=HealthSerializer)
    def get(self, request: Request) -> Response:
        """Return 200 when every part is well, else 503; the parts are named either way, their details to users only."""
        report = health_report()
        if self.actor.principal is Principal.ANONYMOUS:
            for part in report["components"].values():
                part["detail"] = ""
        return Response(report, status=200 if report["ok"] else 503)
