"""What is run beside the service, and by hand."""
