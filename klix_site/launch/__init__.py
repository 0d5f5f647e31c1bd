"""`make run`: prepare the data, start every process, wait until the product is healthy, place the demo call.

__main__   the order of things
doors      are the ports free, does no other Klix use this data
data       migrations, static files, the demo
processes  the Procfile under honcho, each process kept alive by `keep`
keep       runs one process, starts it again when it dies, takes its whole process group down at the end
redis      the bundled server, in the foreground
welcome    waits for health, makes the first administrator, prints the address, places the demo call
"""
