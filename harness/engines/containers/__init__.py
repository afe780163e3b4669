"""The engine `containers`: labs in Docker containers, one network a lab, ports on 127.0.0.1 alone, all labelled."""
