# SPDX-License-Identifier: Apache-2.0
"""Makes certificates for a scenario, by openssl, in its own directory. Nothing is kept."""
import itertools
import os
import subprocess

from .config import EXTENSION, TMP

_numbers = itertools.count(1)


def _openssl(*argv, **how):
    return subprocess.run(['openssl', *argv], check=True, capture_output=True, **how)


class Certificate:
    """`chain` and `key` are paths of PEM files."""

    def __init__(self, chain, key):
        self.chain, self.key = chain, key

    @property
    def pem(self):
        return open(self.chain).read()

    def config(self):
        return {'certificate_chain': {'filename': self.chain}, 'private_key': {'filename': self.key}}


class Authority:
    """A CA of its own; issue() signs certificates with it."""

    def __init__(self, name='Test CA'):
        self.directory = f'{TMP}/ca-{next(_numbers)}'
        os.mkdir(self.directory)
        self.path, self._key = f'{self.directory}/ca.pem', f'{self.directory}/ca.key'
        _openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
                 '-subj', f'/CN={name}', '-keyout', self._key, '-out', self.path,
                 '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign')

    def issue(self, name, *alt_names, key='ec', days=30):
        """alt_names: "DNS:a.com", "IP:127.0.0.1", "URI:spiffe://x"; default DNS:name. key: ec, rsa (of 2048 bits) or
        rsa:BITS. days < 0: expired."""
        base = f'{self.directory}/cert-{next(_numbers)}'
        kind = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] if key == 'ec' else ['rsa:2048' if key == 'rsa' else key]
        _openssl('req', '-new', '-newkey', *kind, '-nodes', '-subj', f'/CN={name}', '-keyout', base + '.key', '-out', base + '.csr')
        with open(base + '.ext', 'w') as file:
            file.write('basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n'
                       f'subjectAltName={",".join(alt_names) or "DNS:" + name}\n')
        if days >= 0:
            lifetime = ['-days', str(days)]
            _openssl('x509', '-req', '-in', base + '.csr', '-CA', self.path, '-CAkey', self._key, '-CAcreateserial',
                     '-extfile', base + '.ext', '-out', base + '.pem', *lifetime)
        else:
            self._issue_expired(base)
        return Certificate(base + '.pem', base + '.key')

    def _issue_expired(self, base):
        # `openssl x509` has no way to say a date; `openssl ca` has, and wants a directory of its own.
        with open(base + '.cnf', 'w') as file:
            file.write(f'[ca]\ndefault_ca=d\n[d]\ndatabase={base}.index\nnew_certs_dir={self.directory}\nrand_serial=yes\n'
                       'default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n')
        open(base + '.index', 'w').close()
        _openssl('ca', '-batch', '-notext', '-config', base + '.cnf', '-in', base + '.csr', '-cert', self.path,
                 '-keyfile', self._key, '-extfile', base + '.ext', '-startdate', '20200101000000Z',
                 '-enddate', '20200102000000Z', '-out', base + '.pem')


def tls_transport(side, **common):
    """side: Downstream or Upstream. Fields of CommonTlsContext as keywords; `outer`: fields of the context itself."""
    outer = common.pop('outer', {})
    return {'name': 'envoy.transport_sockets.tls', 'typed_config': {
        '@type': EXTENSION + f'transport_sockets.tls.v3.{side}TlsContext', 'common_tls_context': common, **outer}}


def downstream_tls(*certificates, **fields):
    """transport_socket of a filter chain. Fields of DownstreamTlsContext by `outer`, others of CommonTlsContext."""
    return tls_transport('Downstream', tls_certificates=[one.config() for one in certificates], **fields)


def upstream_tls(authority=None, sni=None, certificate=None, outer=None, **fields):
    """transport_socket of a cluster."""
    if authority:
        fields.setdefault('validation_context', {})['trusted_ca'] = {'filename': authority.path}
    if certificate:
        fields['tls_certificates'] = [certificate.config()]
    return tls_transport('Upstream', outer={**({'sni': sni} if sni else {}), **(outer or {})}, **fields)
