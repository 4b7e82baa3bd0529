"""What both connections share: how a step becomes a gRPC call, and how one ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from tieout.client.errors import ClientError, error_of

if TYPE_CHECKING:
    import grpc

    from tieout.client.steps import Begin, Rows, Send, Steps

__all__ = ["advance", "call_on", "failure"]


def advance(steps: Steps[Any] | Rows[Any], outcome: Any) -> Any:
    """The next step after the last one's outcome; raises `StopIteration` with the result.

    A failed call is told to the operation, which tries again or lets the error go.
    """
    return steps.throw(outcome) if isinstance(outcome, ClientError) else steps.send(outcome)


def call_on(
    channel: Any, step: Send[Any] | Begin[Any], metadata: tuple[tuple[str, str], ...]
) -> Any:
    """Make the call of `step` on a channel of either kind; gives what the channel gives."""
    method = step.method
    kind = (
        f"{'stream' if method.is_sent_in_parts else 'unary'}_"
        f"{'stream' if method.is_answered_in_parts else 'unary'}"
    )
    call = getattr(channel, kind)(
        method.path,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=step.answer.FromString,
    )
    parts = iter(step.parts())
    return call(
        parts if method.is_sent_in_parts else next(parts),
        timeout=step.timeout_seconds,
        metadata=(*metadata, ("x-request-id", step.call_id)),
    )


def failure(address: str, error: grpc.RpcError) -> ClientError:
    """The error of a call that ended with `error`."""
    call = cast("grpc.Call", error)
    trailers = cast("Any", call.trailing_metadata() or ())
    told = error_of(address, call.code(), call.details() or "", trailers)
    told.__cause__ = error
    return told
