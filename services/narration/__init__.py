"""What is heard: sentences, numbers and names, made from facts alone. Nothing here waits or reads a clock."""
