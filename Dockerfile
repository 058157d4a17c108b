# SPDX-License-Identifier: MIT
# The server and what it links, nothing else: no compiler, no tests, no shell entry point, no root.
#
#   docker build -t paddock .
#   docker run -e FUSION_SERVER_TOKEN -v ./tls:/tls:ro -e PADDOCK_TLS_CERT=/tls/chain.pem \
#       -e PADDOCK_TLS_KEY=/tls/key.pem -p 7777:7777/udp -p 7778:7778/udp -p 7778:7778 \
#       -p 9091:9091 paddock
#
# Every setting is an environment variable (paddock --help). The server token comes from the
# environment (FUSION_SERVER_TOKEN) or a mounted file (FUSION_SERVER_TOKEN_FILE), never from here.

FROM docker.io/library/debian:bookworm-slim AS build
WORKDIR /src
COPY tests/dependencies tests/
COPY tests/tools/install_dependencies tests/tools/
RUN tests/tools/install_dependencies build
COPY . .
RUN cmake --preset release -DPADDOCK_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr \
    && cmake --build build/release \
    && DESTDIR=/out cmake --install build/release --strip

FROM docker.io/library/debian:bookworm-slim
# The base image may be older than the last security update; TLS below this version has known holes.
ARG GNUTLS_MIN=3.7.9-2+deb12u7
RUN --mount=type=bind,from=build,source=/src/tests,target=/tests \
    apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends upgrade \
    && /tests/tools/install_dependencies run \
    && found=$(dpkg-query -W -f '${Version}' libgnutls30) \
    && { dpkg --compare-versions "$found" ge "$GNUTLS_MIN" \
        || { echo "GnuTLS $found is older than $GNUTLS_MIN" >&2; exit 1; }; } \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin \
    && groupadd --system --gid 10001 paddock \
    && useradd --system --uid 10001 --gid paddock --no-create-home --home-dir /var/lib/paddock \
        --shell /usr/sbin/nologin paddock \
    && install -d -o paddock -g paddock -m 0700 /var/lib/paddock
COPY --from=build /out/usr/bin/paddock /usr/bin/paddock
COPY LICENSE /usr/share/doc/paddock/LICENSE

# Inside a container every address is the way in; what is published is decided outside. Tokens are
# still refused over plain udp:// unless PADDOCK_ALLOW_PLAINTEXT says that the way is private.
ENV PADDOCK_LISTEN="udp://0.0.0.0:7777 dtls://0.0.0.0:7778 tls://0.0.0.0:7778 wss://0.0.0.0:9091" \
    PADDOCK_ADMIN=0.0.0.0:9464 \
    PADDOCK_DATA_DIR=/var/lib/paddock \
    PADDOCK_LOG_FORMAT=json
EXPOSE 7777/udp 7778/udp 7778/tcp 9091/tcp 9464/tcp
# Results that the backend has not taken yet live here; keep it across restarts.
VOLUME /var/lib/paddock
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/usr/bin/paddock", "health"]
ENTRYPOINT ["/usr/bin/paddock"]
