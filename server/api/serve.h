/* api/serve.h: kontord serve, and the server's key. */
#ifndef API_SERVE_H
#define API_SERVE_H

int run_serve(int argc, char **argv); /* the exit status */
int run_keygen(int argc, char **argv);
int run_begin(int argc, char **argv);
int run_routes(int argc, char **argv);

#endif
