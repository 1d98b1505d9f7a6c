import NIOCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The page's files: a fixed list, read once; no request makes riff-web read another.
struct PageFiles: Sendable {
  struct File: Sendable {
    var type: String
    var bytes: ByteBuffer
  }

  private let files: [String: File]

  /// What the page consists of.
  static let names = [
    "index.html", "style.css", "icon.svg", "app.js", "api.js", "player.js", "ring.js",
    "spectrum.js",
    "timeline.js", "landscape.js", "flat.js", "prompts.js", "link.js", "surface.js", "clip.js",
    "takes.js", "settings.js", "midi.js", "piece.js", "jam.js", "dom.js",
  ]

  /// The most that a file of the page may have, in bytes.
  private static let limit = 1 << 20

  /// A file by the path of a request; nil where there is none.
  subscript(path: String) -> File? { self.files[path == "/" ? "/index.html" : path] }

  /// The files in the first of these folders that exists: `$RIFF_WEB`, `../share/riffd/web` beside this
  /// program, `Clients/riff-web/page` in a folder above it (a checkout).
  ///
  /// - Throws: ``WebError`` that says where it looked, or which file is missing.
  static func find() throws -> PageFiles {
    let folders = Self.candidates()
    guard
      let folder = folders.first(where: {
        FileManager.default.fileExists(atPath: $0 + "/index.html")
      })
    else {
      throw WebError("no page found in \(folders.joined(separator: ", "))")
    }
    return try PageFiles(folder: folder)
  }

  init(folder: String) throws {
    var files: [String: File] = [:]
    for name in Self.names {
      guard let bytes = FileManager.default.contents(atPath: "\(folder)/\(name)"),
        bytes.count <= Self.limit
      else {
        throw WebError("the page is incomplete: cannot read \(folder)/\(name)")
      }
      files["/" + name] = File(type: Self.type(of: name), bytes: ByteBuffer(bytes: bytes))
    }
    self.files = files
  }

  private static func type(of name: String) -> String {
    switch name.split(separator: ".").last {
    case "html": "text/html; charset=utf-8"
    case "css": "text/css; charset=utf-8"
    case "svg": "image/svg+xml"
    default: "text/javascript; charset=utf-8"
    }
  }

  private static func candidates() -> [String] {
    if let folder = ProcessInfo.processInfo.environment["RIFF_WEB"], !folder.isEmpty {
      return [folder]
    }
    guard
      let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    else { return [] }
    var folder = Self.parent(of: program)
    var folders = [Self.parent(of: folder) + "/share/riffd/web"]
    while folder != "/" {
      folder = Self.parent(of: folder)
      if FileManager.default.fileExists(atPath: folder + "/Package.swift") {
        folders.append(folder + "/Clients/riff-web/page")
        break
      }
    }
    return folders
  }

  private static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }
}
