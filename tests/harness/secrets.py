# SPDX-License-Identifier: Apache-2.0
"""SDS by file: what a configuration says of a secret, and the files, replaced in one step as Envoy expects it."""
import os
import shutil

from .config import EXTENSION, write_config

_SECRET = EXTENSION + 'transport_sockets.tls.v3.Secret'


def sds(name, path, watched_directory=None):
    """SdsSecretConfig: the secret `name` of the file `path`."""
    source = {'path': path, **({'watched_directory': {'path': watched_directory}} if watched_directory else {})}
    return {'name': name, 'sds_config': {'path_config_source': source, 'resource_api_version': 'V3'}}


def secret(name, certificate=None, authority=None, chain=None, key=None):
    """A Secret: of a Certificate or Authority, or of the files `chain` and `key`."""
    if authority:
        return {'@type': _SECRET, 'name': name, 'validation_context': {'trusted_ca': {'filename': authority.path}}}
    files = certificate.config() if certificate else {'certificate_chain': {'filename': chain}, 'private_key': {'filename': key}}
    return {'@type': _SECRET, 'name': name, 'tls_certificate': files}


def write_secrets(path, *secrets):
    """Moves a file of these secrets to `path`."""
    return write_config({'resources': list(secrets)}, path)


def move_copy(source, target):
    shutil.copy(source, target + '.new')
    os.rename(target + '.new', target)


class Volume:
    """A directory as Kubernetes mounts secrets: NAME -> ..data/NAME, ..data -> a directory that is swapped as a whole.
    files: {name: path of what is copied there}."""

    def __init__(self, path, files):
        self.path, self._versions = path, 0
        os.mkdir(path)
        self.swap(files)
        for name in files:
            os.symlink(f'..data/{name}', f'{path}/{name}')

    def swap(self, files):
        self._versions += 1
        version = f'..version-{self._versions}'
        os.mkdir(f'{self.path}/{version}')
        for name, source in files.items():
            shutil.copy(source, f'{self.path}/{version}/{name}')
        os.symlink(version, f'{self.path}/..data_tmp')
        os.rename(f'{self.path}/..data_tmp', f'{self.path}/..data')
        if self._versions > 1:
            shutil.rmtree(f'{self.path}/..version-{self._versions - 1}')
