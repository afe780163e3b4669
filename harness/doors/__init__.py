"""What touches the treated deployment."""
