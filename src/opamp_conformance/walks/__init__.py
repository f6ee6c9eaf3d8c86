"""Random walks: conversations that nobody wrote. The model of the conversation judges them."""
