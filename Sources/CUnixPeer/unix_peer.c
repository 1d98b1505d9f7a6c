#define _GNU_SOURCE
#include "unix_peer.h"

#include <errno.h>
#include <sys/socket.h>

int unix_peer_read(int descriptor, struct unix_peer *peer) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return errno;
  peer->pid = credentials.pid;
  peer->uid = credentials.uid;
  peer->gid = credentials.gid;
  return 0;
}
