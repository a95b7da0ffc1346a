"""What uvicorn's fast parser leaves open: how long the head of a request may grow before it is complete."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_HEAD_BYTES_MAX = 16 * 1024


class BoundedHttpToolsProtocol(HttpToolsProtocol):
    """Refuse a request whose head goes on for too long; httptools itself would keep on collecting."""

    _head_bytes = 0
    _in_head = False

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._head_bytes = 0
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop counting: the body has limits of its own."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Take what arrived, and refuse when it still is no whole head and too much."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > REQUEST_HEAD_BYTES_MAX:
                self.send_400_response("The head of the request is too long.")
