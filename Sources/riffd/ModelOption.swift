import ArgumentParser
import Riff

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// `NAME=PATH`, on the command line and in the configuration file.
struct ModelOption: ExpressibleByArgument, Equatable {
  var name: String
  var path: String

  init?(argument: String) {
    let parts = argument.split(separator: "=", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    self.name = String(parts[0])
    self.path = String(parts[1])
  }

  /// The folder that is meant; `base` is what a relative path is relative to.
  func location(relativeTo base: String) -> ModelLocation {
    let folder = ModelFolder.absolute(
      self.path, relativeTo: base, home: ProcessInfo.processInfo.environment["HOME"])
    return ModelLocation(name: self.name, directory: folder)
  }
}
