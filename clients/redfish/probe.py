"""Who answers on the out-of-band network: TCP and TLS, many addresses at a time, no request sent."""

import asyncio
import ssl

from domain.beat import Beat, no_beat
from domain.bmc import BmcAddress

_BEAT_EVERY = 64


def answering(
    candidates: tuple[BmcAddress, ...], *, timeout_s: float, at_once: int, beat: Beat = no_beat
) -> tuple[BmcAddress, ...]:
    """In the order asked. A closed port costs a round trip, a silent address the whole `timeout_s`."""
    return asyncio.run(_answering(candidates, timeout_s, at_once, beat))


async def _answering(
    candidates: tuple[BmcAddress, ...], timeout_s: float, at_once: int, beat: Beat
) -> tuple[BmcAddress, ...]:
    # Nothing secret is sent and nothing is believed: whoever answers is checked when it is logged in to.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    slots, done = asyncio.Semaphore(at_once), 0

    async def one(address: BmcAddress) -> bool:
        nonlocal done
        async with slots:
            found = await _answers(address, context, timeout_s)
        done += 1
        if done % _BEAT_EVERY == 0:
            beat(f"{done} of {len(candidates)} probed")
        return found

    results = await asyncio.gather(*(one(address) for address in candidates))
    return tuple(address for address, found in zip(candidates, results, strict=True) if found)


async def _answers(address: BmcAddress, context: ssl.SSLContext, timeout_s: float) -> bool:
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    except (OSError, TimeoutError):
        return False
    finally:
        if writer is not None:
            # abort: a polite TLS goodbye to hundreds of devices gains nothing.
            writer.transport.abort()
    return True
