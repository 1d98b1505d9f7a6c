import ArgumentParser
import Riff

/// `NAME=DIR` on the command line.
struct ModelOption: ExpressibleByArgument {
  var location: ModelLocation

  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    self.location = ModelLocation(name: String(parts[0]), directory: String(parts[1]))
  }
}
