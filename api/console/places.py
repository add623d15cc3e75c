"""The places that a person may choose in a form."""

from api.console.overview import everything
from api.console.sessions import SignedIn
from api.context import Services
from api.services import declarations
from api.services.declarations import SITE
from domain.access import Place


async def places_of(services: Services, me: SignedIn) -> tuple[Place, ...]:
    """What this person may choose: their own scope, and what is declared inside it, widest first."""
    sites = await everything(lambda p: declarations.page(services, me.principal, SITE, p))
    regions = sorted({site.place.region for site in sites})
    every = (Place(), *(Place(region=region) for region in regions), *(site.place for site in sites))
    return tuple(dict.fromkeys(place for place in (me.principal.place, *every) if me.principal.place.covers(place)))
