"""Container names: the rule for a user's and a random one for who gives none."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from wire.errors import Invalid

__all__ = ["check_name", "random_id", "random_name"]

_NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")

_MOODS = (
    "able agile amber ample apt ardent astute avid balanced beaming bold brave breezy bright brisk bubbly calm candid "
    "careful cheery chipper civil clear clever cosy crisp curious daring dapper deft diligent direct eager earnest "
    "easy elated elegant epic exact fair fearless fine fleet fluent fond frank fresh friendly gallant generous gentle "
    "gifted glad golden graceful grand hardy hearty honest hopeful humble ideal jolly jovial keen kind lively loyal "
    "lucid lucky merry mellow mighty modest nimble noble optimistic patient peaceful placid playful plucky polite "
    "practical proud prudent quick quiet quirky radiant ready robust sharp silent sincere sleek smart snug sober "
    "solid spry steady stoic sturdy subtle sunny swift tender tidy tranquil trusting upbeat upright valiant vibrant "
    "vigilant vivid warm wise witty zealous zesty"
).split()

_PEOPLE = (
    "agnesi alhazen ampere archimedes aryabhata avogadro babbage backus banach bardeen becquerel bell bernoulli bhabha "
    "bohr boltzmann boole born borg bose boyle brahmagupta burnell cantor carson cauchy celsius chandrasekhar "
    "chebyshev clarke colden conway copernicus coulomb cray curie dalton darwin davinci descartes dijkstra dirac "
    "driscoll easley edison einstein elion engelbart erdos euclid euler faraday fermat fermi feynman fibonacci "
    "fleming floyd fourier franklin galileo galois gauss germain gibbs godel goodall hamilton hawking heisenberg "
    "herschel hertz hilbert hodgkin hopper hubble huygens hypatia jackson joliot joule kalam kapitsa kepler "
    "khayyam khorana kilby kirch knuth kovalevskaya lagrange lalande lamarr laplace lavoisier leakey leavitt "
    "leibniz liskov lovelace lumiere maxwell mayer mccarthy mcclintock meitner mendel mendeleev minsky mirzakhani "
    "montalcini moore morse napier nash newton nobel noether noyce ohm oppenheimer panini pascal pasteur payne "
    "perlman planck poincare poitras ptolemy raman ramanujan rhodes ride riemann ritchie roentgen rubin saha salk "
    "shannon shaw sinoussi snyder stallman swanson swirles tesla thompson torvalds turing volta wescoff wiles "
    "williams wilson wozniak wright wu yalow yonath"
).split()


def random_id() -> str:
    """64 hex digits whose first twelve are not all digits: a host name of digits only is refused by some programs."""
    while True:
        text = secrets.token_hex(32)
        if not text[:12].isdigit():
            return text


def random_name(taken: Callable[[str], bool]) -> str:
    """`mood_person`, with a digit appended when the first tries are taken."""
    name = ""
    for attempt in range(6):
        name = f"{secrets.choice(_MOODS)}_{secrets.choice(_PEOPLE)}"
        if attempt:
            name += str(secrets.randbelow(10))
        if not taken(name):
            return name
    return f"{name}{secrets.token_hex(4)}"


def check_name(name: str) -> str:
    """Return the name without a leading slash. Invalid with Docker's text."""
    if not _NAME.fullmatch(name):
        raise Invalid(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    return name.removeprefix("/")
