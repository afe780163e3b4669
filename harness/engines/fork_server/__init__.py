"""A warm interpreter of the subject that forks for each process a lab wants, so that Prefect is imported once.

This folder runs inside the subject, by the subject's own Python, from a copy: its modules import one another and the
standard library, and nothing of the harness. It needs Linux and CPython, because it uses `fork`, `prctl` and
descriptors that are passed over a unix socket.

    python fork_server FOLDER [-- ARGUMENTS]   the server. It writes `socket` and `python`, the client, into FOLDER.
                                               ARGUMENTS: what the first process runs, as after `python`. The server
                                               passes SIGINT and SIGTERM on to that process, and ends as it ends
    FOLDER/python ARGUMENTS                    the client. It stands where `python ARGUMENTS` would stand, passes
                                               signals on, and ends as the forked process ended

When the server is ready it writes FOLDER/ready: an empty file, or the reason why this subject cannot be forked. With
such a reason, clients start the subject's Python anew. They also do so where a fork would differ from a new process:
for options of the interpreter, and for another value of a variable that the interpreter reads when it starts.

The forked process has the client's arguments, environment, working directory, umask, ignored signals and open
descriptors. It has a session of its own, and Prefect's settings are read anew. It shares the server's hash seed. It
dies with the server (PR_SET_PDEATHSIG), and the server ends when its standard input is closed.

    client.py   what stands for a forked process    request.py  what a client asks for, and how it is received
    warm.py     what is imported before any fork    forked.py   a child: made like a new interpreter, run, ended
    server.py   the loop
"""
