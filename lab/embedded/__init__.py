"""The embedded services: a real Temporal, Postgres, Valkey and NetBox, and the product's own processes, on one machine.

Stack(Home.of(folder), ports).up()      # what `edgewright up` and the tests' fixtures call
Stack(Home.of(folder), ports).down()
"""

from lab.embedded.home import Home
from lab.embedded.ports import Ports, PortTaken, free_ports
from lab.embedded.service import ServiceFailed
from lab.embedded.stack import Stack

__all__ = ["Home", "PortTaken", "Ports", "ServiceFailed", "Stack", "free_ports"]
