"""Uploads of BankFileService: begun, added to from where they broke off, submitted by their id."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from rpc.bank_file_lists import BankFileLists
from rpc.errors import ChunkTooLargeError, StreamOrderError
from rpc.limits import CHUNK_BYTES_MAX
from rpc.match_job import read_request_id
from tieout.v1 import bank_file_service_pb2 as contract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc.aio

    from rpc.reading import StoreReader
    from rpc.uploads import Upload, Uploads

    _Context = grpc.aio.ServicerContext[Any, Any]

__all__ = ["BankFileUploads"]


class BankFileUploads(BankFileLists):
    """The calls of BankFileService that bring bytes in piece by piece."""

    def __init__(self, reader: StoreReader, uploads: Uploads) -> None:
        """Keep what arrives in `uploads`."""
        super().__init__(reader)
        self._uploads = uploads

    async def BeginUpload(  # noqa: N802 - the contract's name
        self,
        request: contract.BeginUploadRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.BeginUploadResponse:
        """Begin an upload, or find the one of the same request."""
        upload = self._uploads.begin(
            read_request_id(request.request_id),
            request.file_name,
            request.size_bytes,
            request.sha256.lower(),
        )
        return contract.BeginUploadResponse(upload=self._message(upload))

    async def GetUpload(  # noqa: N802 - the contract's name
        self,
        request: contract.GetUploadRequest,
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.GetUploadResponse:
        """Say how much has arrived."""
        upload = self._uploads.find(request.upload_id)
        return contract.GetUploadResponse(upload=self._message(upload))

    async def AppendUpload(  # noqa: N802 - the contract's name
        self,
        request_iterator: AsyncIterator[contract.AppendUploadRequest],
        context: _Context,  # noqa: ARG002 - gRPC passes it
    ) -> contract.AppendUploadResponse:
        """Keep the next bytes as they arrive, also where the call breaks off."""
        upload: Upload | None = None
        try:
            async for part in request_iterator:
                kind = part.WhichOneof("part")
                if (kind == "header") is not (upload is None):
                    message = "the header must be the first message, and only the first"
                    raise StreamOrderError(message, part=kind or "")
                if upload is None:
                    found = self._uploads.find(part.header.upload_id)
                    self._uploads.hold(found, part.header.offset)
                    upload = found
                elif len(part.chunk) > CHUNK_BYTES_MAX:
                    message = f"a chunk has {len(part.chunk)} bytes, at most {CHUNK_BYTES_MAX}"
                    raise ChunkTooLargeError(message, bytes_max=str(CHUNK_BYTES_MAX))
                else:
                    await asyncio.to_thread(self._uploads.add, upload, part.chunk)
        finally:
            if upload is not None:
                self._uploads.let_go(upload)
        if upload is None:
            message = "the stream is empty; the header must be the first message"
            raise StreamOrderError(message)
        return contract.AppendUploadResponse(upload=self._message(upload))

    def _message(self, upload: Upload) -> contract.Upload:
        message = contract.Upload(
            upload_id=upload.upload_id,
            file_name=upload.file_name,
            size_bytes=upload.size_bytes,
            received_bytes=self._uploads.received_bytes(upload),
        )
        message.expire_time.FromMilliseconds(self._uploads.expires_at_ms(upload))
        return message
