"""Plans of chaos: records of steps, drawn from a seed, written and read as text. Nothing here touches the world."""
