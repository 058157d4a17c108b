# SPDX-License-Identifier: MIT
# Godot's DTLS around somebody else's datagrams: what comes in on a local UDP port goes out as one
# record each, and back, as Godot's own ENet does it.
#
#     godot3-server -s godot_dtls.gd LOCAL-PORT HOST PORT CERTIFICATE|insecure
#
# Prints "up" and at the end "down" with the reason. The datagram "quit" ends it with
# a close_notify.
extends SceneTree

var inside = PacketPeerUDP.new()
var outside = PacketPeerUDP.new()
var dtls = PacketPeerDTLS.new()
var up = false

func _initialize():
    var arguments = OS.get_cmdline_args()
    var given = arguments.size() - 4
    var certificate = null
    if arguments[given + 3] != "insecure":
        certificate = X509Certificate.new()
        if certificate.load(arguments[given + 3]) != OK:
            end_with("no certificate")
            return
    inside.listen(int(arguments[given]), "127.0.0.1")
    outside.connect_to_host(arguments[given + 1], int(arguments[given + 2]))
    dtls.connect_to_peer(outside, certificate != null, "localhost", certificate)

func end_with(reason):
    print("down ", reason)
    quit(0)

func _idle(_delta):
    dtls.poll()
    var status = dtls.get_status()
    if status == PacketPeerDTLS.STATUS_CONNECTED and not up:
        up = true
        print("up")
    elif status == PacketPeerDTLS.STATUS_DISCONNECTED:
        end_with("closed")
    elif status == PacketPeerDTLS.STATUS_ERROR or status == PacketPeerDTLS.STATUS_ERROR_HOSTNAME_MISMATCH:
        end_with("error")
    if not up:
        return
    while inside.get_available_packet_count() > 0:
        var packet = inside.get_packet()
        inside.set_dest_address(inside.get_packet_ip(), inside.get_packet_port())
        if packet.get_string_from_ascii() == "quit":
            dtls.disconnect_from_peer()
            end_with("quit")
            return
        dtls.put_packet(packet)
    while dtls.get_available_packet_count() > 0:
        inside.put_packet(dtls.get_packet())
