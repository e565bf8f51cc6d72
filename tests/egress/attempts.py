"""What a process may try from inside of the guest, and what is seen of it on the other end of the wire."""

NAME_SERVER, NAME_SERVER6 = "10.77.0.1", "fd77::1"
OTHER, OTHER6 = "10.77.0.66", "fd77::66"
TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
PLAN = ["egress=443", "egress=7443", "egress=7070", "listen=8443", f"resolver={NAME_SERVER}", f"resolver={NAME_SERVER6}", "dhcp"]
LINK_PLAN = ["egress=443", "resolver=169.254.169.253"]

# loose source route (RFC 791 3.1): by the name server to the other
SOURCE_ROUTE = "8307040a4d000100"
# segment routing header (RFC 8754): last the other, first the name server
SEGMENTS = "00" + "04" + "04" + "01" + "01" + "00" + "0000" + \
    "fd770000000000000000000000000066" + "fd770000000000000000000000000001"


def sent(protocol, to, port=None, **more):
    """A packet that the world sees."""
    return dict(more, protocol=protocol, to=to, **({} if port is None else {"port": port}))


# name: kind and arguments of `process`, what is seen without the fence and never with it
ATTACKS = {
    "tcp_other_port": ("tcp", dict(to=OTHER, port=80), sent(TCP, OTHER, 80)),
    "tcp_other_port_v6": ("tcp", dict(to=OTHER6, port=80), sent(TCP, OTHER6, 80)),
    "tcp_mapped_address": ("tcp", dict(to="::ffff:" + OTHER, port=80), sent(TCP, OTHER, 80)),
    "tcp_dns_elsewhere": ("tcp", dict(to=OTHER, port=53), sent(TCP, OTHER, 53)),
    "tcp_fast_open": ("tcp", dict(to=OTHER, port=80, fast=True), sent(TCP, OTHER, 80)),
    "tcp_multipath": ("tcp", dict(to=OTHER, port=80, protocol=262), sent(TCP, OTHER, 80)),
    "tcp_from_served_port": ("tcp", dict(to=OTHER, port=80, source=8443), sent(TCP, OTHER, 80)),
    "tcp_from_allowed_port": ("tcp", dict(to=OTHER, port=80, source=443), sent(TCP, OTHER, 80)),
    "tcp_from_dns_port": ("tcp", dict(to=NAME_SERVER, port=80, source=53), sent(TCP, NAME_SERVER, 80)),
    "tcp_metadata": ("tcp", dict(to="169.254.169.254", port=80), sent(TCP, "169.254.169.254", 80)),
    "tcp_metadata_allowed_port": ("tcp", dict(to="169.254.169.254", port=443), sent(TCP, "169.254.169.254", 443)),
    "tcp_host_agent": ("tcp", dict(to="168.63.129.16", port=443), sent(TCP, "168.63.129.16", 443)),
    "tcp_metadata_v6": ("tcp", dict(to="fd00:ec2::254", port=443), sent(TCP, "fd00:ec2::254", 443)),
    "tcp_link_local_v6": ("tcp", dict(to="fe80::77%guest0", port=443), sent(TCP, "fe80::77", 443)),
    "udp_allowed_port": ("udp", dict(to=OTHER, port=443), sent(UDP, OTHER, 443)),
    "udp_other_port": ("udp", dict(to=OTHER, port=9999), sent(UDP, OTHER, 9999)),
    "udp_other_port_v6": ("udp", dict(to=OTHER6, port=9999), sent(UDP, OTHER6, 9999)),
    "udp_dns_elsewhere": ("udp", dict(to=OTHER, port=53), sent(UDP, OTHER, 53)),
    "udp_dns_elsewhere_v6": ("udp", dict(to=OTHER6, port=53), sent(UDP, OTHER6, 53)),
    "udp_dns_metadata": ("udp", dict(to="169.254.169.254", port=53), sent(UDP, "169.254.169.254", 53)),
    "udp_name_server_other_port": ("udp", dict(to=NAME_SERVER, port=54), sent(UDP, NAME_SERVER, 54)),
    "udp_from_dns_port": ("udp", dict(to=OTHER, port=9999, source=53), sent(UDP, OTHER, 9999)),
    "udp_routing_header": ("udp", dict(to=OTHER6, port=53, routing=SEGMENTS), sent(43, NAME_SERVER6)),
    "udp_lite": ("udp", dict(to=NAME_SERVER, port=53, protocol=136), sent(136, NAME_SERVER, 53)),
    "udp_multicast": ("udp", dict(to="224.0.0.251", port=5353), sent(UDP, "224.0.0.251", 5353)),
    "udp_multicast_v6": ("udp", dict(to="ff02::fb%guest0", port=5353), sent(UDP, "ff02::fb", 5353)),
    "udp_broadcast": ("udp", dict(to="10.77.0.255", port=443, broadcast=True), sent(UDP, "10.77.0.255", 443)),
    "dhcp_by_a_user": ("udp", dict(to="255.255.255.255", port=67, source=68, broadcast=True),
                       sent(UDP, "255.255.255.255", 67)),
    "dhcp_to_a_host": ("udp", dict(to=OTHER, port=67, source=68), sent(UDP, OTHER, 67)),
    "icmp_echo": ("ping", dict(to=OTHER), sent(ICMP, OTHER)),
    "icmp_echo_v6": ("ping", dict(to=OTHER6), sent(ICMP6, OTHER6, icmp=128)),
}
# The same by a process that has CAP_NET_RAW, which the data plane has not. (A socket of AF_PACKET passes every
# rule of family inet: that is why it has not.)
RAW_ATTACKS = {
    "udp_source_route": ("udp", dict(to=OTHER, port=53, options=SOURCE_ROUTE),
                         sent(UDP, NAME_SERVER, 53, options=True)),
    "raw_udp": ("raw", dict(to=OTHER, protocol=UDP, payload="01bb01bb001e0000"), sent(UDP, OTHER, 443)),
    "raw_icmp": ("raw", dict(to=OTHER, protocol=ICMP, payload="0800000000000001"), sent(ICMP, OTHER)),
    "raw_icmp_unreachable": ("raw", dict(to=OTHER, protocol=ICMP, payload="0301000000000000"), sent(ICMP, OTHER)),
    "raw_sctp": ("raw", dict(to=OTHER, protocol=132, payload="01bb01bb00000000"), sent(132, OTHER)),
    "raw_dccp": ("raw", dict(to=OTHER, protocol=33, payload="01bb01bb00000000"), sent(33, OTHER)),
    "raw_gre": ("raw", dict(to=OTHER, protocol=47, payload="00000800"), sent(47, OTHER)),
    "raw_ip_in_ip": ("raw", dict(to=OTHER, protocol=4, payload="45000014"), sent(4, OTHER)),
    "raw_unknown_protocol": ("raw", dict(to=OTHER, protocol=253), sent(253, OTHER)),
    "raw_later_fragment": ("raw", dict(to=OTHER, protocol=TCP, fragment=16, payload="01bb" * 16),
                           sent(TCP, OTHER, fragment=True)),
    "raw_tiny_fragment": ("raw", dict(to=OTHER, protocol=TCP, fragment=0x2000, ports=[8443, 80]),
                          sent(TCP, OTHER, fragment=True)),
    "raw_syn_from_served_port": ("raw", dict(to=OTHER, protocol=TCP, ports=[8443, 80]), sent(TCP, OTHER, 80)),
    "raw_syn_with_ecn": ("raw", dict(to=OTHER, protocol=TCP, ports=[8443, 80], flags=0xc2), sent(TCP, OTHER, 80)),
    "raw_udp_v6": ("raw", dict(to=OTHER6, protocol=UDP, payload="01bb01bb001e0000"), sent(UDP, OTHER6, 443)),
    "raw_echo_v6": ("raw", dict(to=OTHER6, protocol=ICMP6, payload="8000000000000001"), sent(ICMP6, OTHER6, icmp=128)),
    "raw_solicitation_far_v6": ("raw", dict(to=OTHER6, protocol=ICMP6, payload="8700000000000000"),
                                sent(ICMP6, OTHER6, icmp=135, hops=64)),
}
# With and without the fence: the process gets its answer.
ALLOWED = {
    "tcp_provider": ("tcp", dict(to=OTHER, port=443, talk=True)),
    "tcp_provider_v6": ("tcp", dict(to=OTHER6, port=443, talk=True)),
    "tcp_control_plane": ("tcp", dict(to=OTHER, port=7443, talk=True)),
    "dns_udp": ("udp", dict(to=NAME_SERVER, port=53, talk=True)),
    "dns_udp_v6": ("udp", dict(to=NAME_SERVER6, port=53, talk=True)),
    "dns_tcp": ("tcp", dict(to=NAME_SERVER, port=53, talk=True)),
}
# With a name server in link-local space: its port 53, and nothing else of it or of its neighbours.
LINK_ALLOWED = {"link_dns": ("udp", dict(to="169.254.169.253", port=53, talk=True))}
LINK_ATTACKS = {
    "link_metadata": ("tcp", dict(to="169.254.169.253", port=80), sent(TCP, "169.254.169.253", 80)),
    "link_allowed_port": ("tcp", dict(to="169.254.169.253", port=443), sent(TCP, "169.254.169.253", 443)),
    "link_neighbour": ("udp", dict(to="169.254.169.254", port=53), sent(UDP, "169.254.169.254", 53)),
    "link_old_name_server": ("udp", dict(to=NAME_SERVER, port=53), sent(UDP, NAME_SERVER, 53)),
}


def may_leave(p):
    """Said once more, without the rules: may this packet stand on the wire of a guest with PLAN?"""
    refused = p["to"] in ("169.254.169.254", "168.63.129.16", "fd00:ec2::254", "fe80::77")
    if p["protocol"] == TCP and not p["fragment"]:
        opening = p["flags"] & 0x12 == 2
        return not refused and (p["port"] in (443, 7443, 7070) or
                                (p["port"] == 53 and p["to"] in (NAME_SERVER, NAME_SERVER6)) or
                                (p["source_port"] == 8443 and not opening))
    if p["protocol"] == UDP and not p["options"]:
        return (p["port"] == 53 and p["to"] in (NAME_SERVER, NAME_SERVER6)) or \
            (p["source_port"], p["port"], p["to"]) == (68, 67, "255.255.255.255")
    return p["protocol"] == ICMP6 and p["icmp"] in (133, 135, 136) and p["hops"] == 255
