// SPDX-License-Identifier: Apache-2.0
// The layers of the runtime with their values, as they are now. Main thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "proxy/config/runtime_config.h"
#include "shm/result.h"

namespace heirloom::runtime {

struct Layer {
    std::string name;
    config::RuntimeValues values;
};

struct Layers {
    std::vector<Layer> layers;  // later ones win
    size_t disk_layers = 0;     // of them
    std::string error;          // of layers that are left out, as they cannot be read; "": none
    // Of each key the last layer's.
    config::RuntimeValues merged() const;
};

// Reads the disk layers; a directory that is not there is no layer and no error. `admin`: the admin layer's values.
Layers load_layers(const config::RuntimeConfig& config, const config::RuntimeValues& admin);

// The files below a directory: their path with dots is the key, their text the value, without lines that begin with '#'
// and blanks at its end. Error: what cannot be read; nested deeper than 16; a file of more than 1 MiB.
Result<config::RuntimeValues> read_directory(const std::string& directory);

}  // namespace heirloom::runtime
