"""Operations on custom jobs, which publish a range of days."""

from __future__ import annotations

from dayfile.api.openapi.operation import Operation, account, answer, json_of, link
from dayfile.api.openapi.parameters import JOB_FORM, JOB_SID_IN_PATH, PAGES, RESOURCE_TYPE_IN_PATH
from dayfile.model.credential import Permission

TAG = {
    "name": "Jobs",
    "description": "A job publishes the days of a range, and its details tell how far each of them is.",
}

OPERATIONS = (
    Operation(
        name="CreateExportCustomJob",
        method="post",
        path="/v1/Exports/{ResourceType}/Jobs",
        tag=TAG["name"],
        summary="Create a job",
        description="Put a job over the days from `StartDay` to `EndDay`, both included, into the queue. Each of them "
        "becomes a day that can be downloaded, also one without records. An account and its subaccounts may ask for "
        "366 days per UTC day, unless the operator has set another quota; the error says how many are left.",
        who=(account(Permission.JOBS_WRITE),),
        parameters=(RESOURCE_TYPE_IN_PATH,),
        body=JOB_FORM,
        answers={
            201: json_of(
                "CustomJob",
                says="The job, with its place in the queue.",
                links={
                    "FetchJob": link("FetchJob", says="Follow it.", JobSid="$response.body#/job_sid"),
                    "DeleteJob": link("DeleteJob", says="Stop it.", JobSid="$response.body#/job_sid"),
                    "ListExportCustomJob": link(
                        "ListExportCustomJob", says="It comes first.", ResourceType="$request.path.ResourceType"
                    ),
                    "ListDay": link(
                        "ListDay", says="Where its days come in.", ResourceType="$request.path.ResourceType"
                    ),
                },
            )
        },
        failures=(400, 401, 403, 404, 413, 429, 500, 503),
    ),
    Operation(
        name="ListExportCustomJob",
        method="get",
        path="/v1/Exports/{ResourceType}/Jobs",
        tag=TAG["name"],
        summary="List jobs",
        description="The jobs of this type that are not over, or not for more than seven days, newest first.",
        who=(account(Permission.EXPORTS_READ),),
        parameters=(RESOURCE_TYPE_IN_PATH, *PAGES),
        answers={
            200: json_of(
                "CustomJobList",
                says="One page of them.",
                links={
                    "FetchJob": link(
                        "FetchJob", says="The newest can be fetched.", JobSid="$response.body#/jobs/0/job_sid"
                    )
                },
            )
        },
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
    Operation(
        name="FetchJob",
        method="get",
        path="/v1/Exports/Jobs/{JobSid}",
        tag=TAG["name"],
        summary="Fetch a job",
        description="One job, with how far its days are. It is over when all of them have a final status.",
        who=(account(Permission.EXPORTS_READ),),
        parameters=(JOB_SID_IN_PATH,),
        answers={
            200: json_of(
                "Job",
                says="The job.",
                links={"DeleteJob": link("DeleteJob", says="Stop it.", JobSid="$request.path.JobSid")},
            )
        },
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
    Operation(
        name="DeleteJob",
        method="delete",
        path="/v1/Exports/Jobs/{JobSid}",
        tag=TAG["name"],
        summary="Delete a job",
        description="Stop a job and take it off the list. Days that it has published stay; no quota is given back. "
        "While days of it still run it is shown, and deleting it again is answered in the same way; then both are 404.",
        who=(account(Permission.JOBS_WRITE),),
        parameters=(JOB_SID_IN_PATH,),
        answers={
            204: answer(
                says="It is gone.",
                links={"FetchJob": link("FetchJob", says="Is answered with 404.", JobSid="$request.path.JobSid")},
            )
        },
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
)
