"""Uploads of BankFileService: begun, added to from where they broke off, submitted by their id."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from rpc.bank_file_lists import BankFileLists
from rpc.match_job import read_request_id
from rpc.stream_parts import HeaderFirst, check_chunk
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
        order = HeaderFirst()
        try:
            async for part in request_iterator:
                if order.is_header(part.WhichOneof("part")):
                    found = self._uploads.find(part.header.upload_id)
                    self._uploads.hold(found, part.header.offset)
                    upload = found
                    continue
                check_chunk(part.chunk)
                assert upload is not None  # noqa: S101 - the header came first
                await asyncio.to_thread(self._uploads.add, upload, part.chunk)
            order.finish()
        finally:
            if upload is not None:
                self._uploads.let_go(upload)
        assert upload is not None  # noqa: S101 - the header came
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
