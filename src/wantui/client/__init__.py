"""What talks to the daemon: the typed client, its address, its events, and starting a daemon."""

from wantui.client.address import Address
from wantui.client.client import Client
from wantui.client.events import Event
from wantui.client.launch import open_client, start_daemon

__all__ = ["Address", "Client", "Event", "open_client", "start_daemon"]
