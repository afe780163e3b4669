"""The engine `processes`: labs as processes on this host, one folder a lab, ports on 127.0.0.1 alone."""
