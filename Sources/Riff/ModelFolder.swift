#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A model's folder or file, and what is wrong with it as far as a look tells.
public struct ModelFolder: Sendable, Equatable {
  /// Where the model's files lie.
  public private(set) var directory: String
  /// Why no model can be read from it; nil where one may be.
  public private(set) var problem: String?

  /// - Parameter path: absolute. A hub's cache folder (`models--OWNER--NAME`) means its snapshot.
  public init(_ path: String) {
    self.directory = path
    self.look()
  }

  /// The absolute path that somebody means: `~` is the user's home, `~NAME` another's.
  ///
  /// - Parameters:
  ///   - path: as somebody wrote it.
  ///   - base: what a relative path is relative to, absolute.
  ///   - home: what `~` stands for; nil leaves it as it is.
  public static func absolute(_ path: String, relativeTo base: String, home: String?) -> String {
    var path = path
    if path == "~" || path.hasPrefix("~/") {
      if let home, !home.isEmpty { path = home + path.dropFirst() }
    } else if path.hasPrefix("~") {
      let user = path.dropFirst().prefix { $0 != "/" }
      if let entry = getpwnam(String(user)), let folder = entry.pointee.pw_dir {
        path = String(cString: folder) + path.dropFirst(1 + user.count)
      }
    }
    if !path.hasPrefix("/") { path = "\(base)/\(path)" }
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }

  private mutating func look() {
    switch Self.kind(self.directory) {
    case nil:
      let reason = errno
      self.problem =
        reason == ENOENT
        ? "\(self.directory) does not exist"
        : "\(self.directory) cannot be opened: \(String(cString: strerror(reason)))"
    case S_IFDIR where !Self.isFile("\(self.directory)/model_index.json"):
      guard let snapshot = Self.snapshot(ofHubFolder: self.directory) else {
        self.problem =
          "\(self.directory) has no model_index.json; a model is a folder in diffusers' layout: "
          + "model_index.json, unet, vae, text_encoder, tokenizer and scheduler"
        return
      }
      self.directory = snapshot
      if !Self.isFile("\(snapshot)/model_index.json") {
        self.problem =
          "\(snapshot), the snapshot in the hub's cache, has no model_index.json; download the whole "
          + "model, in diffusers' layout"
      }
    case S_IFDIR, S_IFREG: break
    default:
      self.problem =
        "\(self.directory) is neither a file nor a folder; a model is a folder in diffusers' layout, or "
        + "a .safetensors or .ckpt file of Stable Diffusion"
    }
  }

  /// A folder's snapshot, if it is one of the hub's cache: that of `refs/main`, else the newest.
  ///
  /// https://huggingface.co/docs/huggingface_hub/guides/manage-cache
  private static func snapshot(ofHubFolder directory: String) -> String? {
    let snapshots = "\(directory)/snapshots"
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: snapshots) else {
      return nil
    }
    if let data = FileManager.default.contents(atPath: "\(directory)/refs/main"), data.count <= 256
    {
      let name = String(decoding: data, as: UTF8.self).filter { !$0.isWhitespace }
      if names.contains(name) { return "\(snapshots)/\(name)" }
    }
    let folders = names.map { "\(snapshots)/\($0)" }.filter { Self.kind($0) == S_IFDIR }
    return folders.max { (Self.modified($0), $0) < (Self.modified($1), $1) }
  }

  /// S_IFDIR, S_IFREG or another; nil, and errno, where there is nothing to be seen.
  private static func kind(_ path: String) -> mode_t? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
  }

  private static func modified(_ path: String) -> Int {
    var status = stat()
    guard stat(path, &status) == 0 else { return 0 }
    #if canImport(Darwin)
      return Int(status.st_mtimespec.tv_sec)
    #else
      return Int(status.st_mtim.tv_sec)
    #endif
  }

  private static func isFile(_ path: String) -> Bool { Self.kind(path) == S_IFREG }
}
