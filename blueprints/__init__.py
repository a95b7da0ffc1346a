"""HTTP and WebSocket on one side, service calls on the other; one file a resource."""
