"""The results folder: read, written, summed, bundled, joined, judged again."""
