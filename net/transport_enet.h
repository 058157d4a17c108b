// SPDX-License-Identifier: MIT
// udp:// and dtls:// — ENet under the transport seam. Everything that knows ENet is in
// transport_enet.c.

#ifndef NET_TRANSPORT_ENET_H
#define NET_TRANSPORT_ENET_H

#include "net/transport.h"

// For the rows in transports.c; contracts as in struct net_transport. One ENetHost per listener,
// sized from the settings; one ENetHost with a socket of its own per dial, as real players have.
struct net_endpoint *net_enet_listen(struct net_hub *hub, const struct net_transport *self,
                                     const struct url *url, const struct net_acceptor *acceptor,
                                     struct error *error);
struct net_link *net_enet_dial(struct net_hub *hub, const struct net_transport *self,
                               const struct url *url, const struct net_link_handler *handler,
                               void *user, struct error *error);

#endif
