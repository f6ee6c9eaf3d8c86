"""What a Given or a When lets the scripted server do to the agent that is graded."""
