"""Operations on files: the download behind a link, and the manifest of a day. Dayfile's own."""

from __future__ import annotations

from collections.abc import Mapping

from dayfile.api.openapi.operation import Node, Operation, account, answer, json_of
from dayfile.api.openapi.parameters import DAY_IN_PATH, RESOURCE_TYPE_IN_PATH, in_head, in_path, in_query
from dayfile.api.openapi.schemas import SHA256, text
from dayfile.model.credential import Permission

TAG = {
    "name": "Files",
    "description": "The file of a day, and its manifest. These addresses are Dayfile's own.",
}

_GZIP: Mapping[str, Node] = {"application/gzip": {}}
_FILE_HEADERS = ("ETag", "Content-Disposition", "Repr-Digest", "Accept-Ranges")

OPERATIONS = (
    Operation(
        name="FetchManifest",
        method="get",
        path="/v1/Exports/{ResourceType}/Days/{Day}/Manifest",
        tag=TAG["name"],
        summary="Fetch a manifest",
        description="Count, sizes, hashes and times of the file that a link to this day gives now.",
        who=(account(Permission.EXPORTS_READ),),
        parameters=(RESOURCE_TYPE_IN_PATH, DAY_IN_PATH),
        answers={200: json_of("Manifest", says="The manifest.")},
        failures=(400, 401, 403, 404, 429, 500, 503),
    ),
    Operation(
        name="Download",
        method="get",
        path="/v1/Downloads/{Link}",
        tag=TAG["name"],
        summary="Download a file",
        description="What a link from `FetchDay` gives: a gzip file with one JSON object per line. Use the link as it "
        "was given; it is its own credential, and it has slashes in it. A download that broke off goes on with `Range` "
        "and `If-Range`.",
        who=(),
        parameters=(
            in_path("Link", text("The path of the link after /v1/Downloads/.", "daily/day=2026-10-01/...")),
            *(
                in_query(name, {"type": "string", "description": "As it stands in the link; in any order."})
                for name in ("SealedDay", "File", "Expires", "Signature")
            ),
            in_head("Range", text("The part that is wanted: one range of bytes.", "bytes=1000000-")),
            in_head("If-Range", text("The ETag of the file that the part must belong to.", f'"{SHA256}"')),
            in_head("If-None-Match", text("The ETag of the file that is there already.", f'"{SHA256}"')),
        ),
        answers={
            200: answer(says="The file.", content=_GZIP, headers=_FILE_HEADERS),
            206: answer(says="The part.", content=_GZIP, headers=(*_FILE_HEADERS, "Content-Range")),
            304: answer(says="It is the file that is there already.", headers=("ETag",)),
        },
        failures=(400, 403, 404, 416, 500, 503),
    ),
)
