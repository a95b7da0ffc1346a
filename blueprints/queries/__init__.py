"""What requests ask for, checked field by field and as a whole; not what is answered."""
