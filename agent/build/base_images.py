"""The image a FROM or `--from` names: here already, or pulled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

from agent.build.events import BuildEvent, PullMessage
from agent.build.step_context import StepContext
from agent.images.platforms import parse_platform
from agent.ports.images import Credentials, Image
from wire.errors import Internal

__all__ = ["check_platform", "ensure_image"]

_HUB = "https://index.docker.io/v1/"
Emit = Callable[[BuildEvent], None]


def check_platform(text: str) -> str:
    """Return `os/arch[/variant]` for what a user wrote (an architecture or OS alone gets the host's other half).

    Raises Invalid with Docker's text.
    """
    return str(parse_platform(text))


async def ensure_image(
    context: StepContext, ref: str, *, platform: str = "", pull: bool = False
) -> AsyncIterator[BuildEvent | Image]:
    """Yield what a pull tells, then the image. Raises what the registry or the reference's grammar says."""
    image = None if pull else context.find_image(ref)
    if image is not None and (not platform or _fits(image, platform)):
        yield image
        return
    credentials = _credentials_for(ref, context.options.registry_auth)
    messages = await context.engine.image_pull(ref, platform=platform, credentials=credentials)
    async for message in messages:
        if isinstance(message.get("error"), str):
            raise Internal(str(message["error"]))
        yield PullMessage(message)
    pulled = context.find_image(ref)
    if pulled is None:
        raise Internal(f"No such image: {ref}")
    yield pulled


def _fits(image: Image, platform: str) -> bool:
    os_name, architecture, *variant = platform.split("/")
    config = image.config
    if (config.get("os") or "linux", config.get("architecture") or architecture) != (os_name, architecture):
        return False
    return not variant or not config.get("variant") or config.get("variant") == variant[0]


def _credentials_for(ref: str, known: Mapping[str, Credentials]) -> Credentials | None:
    first, slash, _ = ref.partition("/")
    registry = first if slash and ("." in first or ":" in first or first == "localhost") else ""
    if not registry:
        return known.get(_HUB) or known.get("docker.io") or known.get("index.docker.io")
    return known.get(registry) or known.get(f"https://{registry}") or known.get(f"http://{registry}")
