import ArgumentParser
import Riff

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The models that come with riffd.
enum BundledModels {
  /// Every folder with a `model_index.json` in the first of these that exists: `$RIFF_MODELS`,
  /// `../share/riffd/models` beside this program, `Models` in a folder above it (a checkout).
  /// "riff-mini" comes first, the others by name.
  ///
  /// - Throws: `ValidationError` that says where it looked.
  static func find() throws -> [ModelLocation] {
    let folders = Self.candidates()
    guard let folder = folders.first(where: { !Self.models(in: $0).isEmpty }) else {
      throw ValidationError(
        "no model found in \(folders.joined(separator: ", ")); give one with --model NAME=DIR")
    }
    return Self.models(in: folder)
  }

  private static func candidates() -> [String] {
    if let folder = ProcessInfo.processInfo.environment["RIFF_MODELS"], !folder.isEmpty {
      return [folder]
    }
    guard let program = Self.programPath() else { return [] }
    var folder = Self.parent(of: program)
    var folders = [Self.parent(of: folder) + "/share/riffd/models"]
    while folder != "/" {
      folder = Self.parent(of: folder)
      if FileManager.default.fileExists(atPath: folder + "/Package.swift") {
        folders.append(folder + "/Models")
        break
      }
    }
    return folders
  }

  private static func models(in folder: String) -> [ModelLocation] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return
      names
      .filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)/model_index.json") }
      .sorted { ($0 == "riff-mini" ? "" : $0) < ($1 == "riff-mini" ? "" : $1) }
      .map { ModelLocation(name: $0, directory: "\(folder)/\($0)") }
  }

  private static func programPath() -> String? {
    #if os(Linux)
      try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    #else
      CommandLine.arguments.first
    #endif
  }

  private static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }
}
