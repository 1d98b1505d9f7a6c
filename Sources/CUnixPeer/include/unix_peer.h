// What Swift cannot say about a Unix-domain socket: `struct ucred` is not imported.

#ifndef RIFFD_UNIX_PEER_H
#define RIFFD_UNIX_PEER_H

#include <stdint.h>

struct unix_peer {
  int32_t pid;
  uint32_t uid;
  uint32_t gid;
};

/// Reads the credentials of the process at the other end of a connected socket (SO_PEERCRED).
/// Returns 0, or the errno of getsockopt.
int unix_peer_read(int descriptor, struct unix_peer *peer);

#endif
