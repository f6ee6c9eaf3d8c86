"""What a Given or a When does, by what its words are about."""
