import Provenance

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

extension MadeFile {
  /// The upload's path; nil where the file was made from none. It is looked for by its name beside the
  /// made file and in the current folder, and taken if its content is the same, as it is or as ffmpeg
  /// converts it.
  ///
  /// - Parameter option: How the user can name it, as in “with --init”.
  /// - Throws: ``Failure`` that asks for it.
  func upload(askedFor option: String) throws -> String? {
    guard let fingerprint = self.recipe["file_fingerprint"] else { return nil }
    let name = self.recipe["file_name"].map { FileName.last($0) } ?? ""
    guard !name.isEmpty else {
      throw self.failure(
        "was made from another file, whose name is not known; give it \(option)")
    }
    var others: [String] = []
    for candidate in Set([self.folder + name, name]).sorted() {
      guard let file = try? InputFile(path: candidate) else { continue }
      if try file.fingerprint().description == fingerprint { return candidate }
      if try Self.conversion(of: candidate)?.description == fingerprint { return candidate }
      others.append(candidate)
    }
    throw self.failure(
      others.isEmpty
        ? "was made from \(name), which is neither beside it nor here; give it \(option)"
        : "was made from \(name), but \(others.joined(separator: " and ")) has other content; give "
          + "the right one \(option)")
  }

  /// The name that the made file has for its upload; nil where the file at `path` has other content.
  ///
  /// - Throws: ``Failure`` when it cannot be read.
  func fileName(of path: String) throws -> String? {
    // What comes through a pipe can be read once.
    var status = stat()
    guard path != "-", stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      try InputFile(path: path).fingerprint().description == self.recipe["file_fingerprint"]
    else { return nil }
    return self.recipe["file_name"] ?? ""
  }

  /// The mask; nil where there was none. Its name is not known, so it is looked for among the pictures
  /// beside the made file and in the current folder.
  ///
  /// - Throws: ``Failure`` that asks for it.
  func mask() throws -> Data? {
    guard let fingerprint = self.recipe["mask_fingerprint"] else { return nil }
    for folder in Set([self.folder, ""]).sorted() {
      let names =
        (try? FileManager.default.contentsOfDirectory(
          atPath: folder.isEmpty ? "." : folder)) ?? []
      let pictures = names.sorted().filter { name in
        ["png", "jpg", "jpeg"].contains { name.lowercased().hasSuffix("." + $0) }
      }
      for name in pictures.prefix(Self.pictureLimit) {
        guard let mask = try? InputFile(path: folder + name).mask() else { continue }
        if Fingerprint(of: Array(mask)).description == fingerprint { return mask }
      }
    }
    throw self.failure(
      "was made under a mask, which is neither beside it nor here; give it with --mask")
  }

  /// Pictures of a folder that are looked at; a mask has 512 KiB at most.
  private static let pictureLimit = 1_000

  /// The made file's folder, with the slash; empty: the current one.
  private var folder: String {
    self.path.lastIndex(of: "/").map { String(self.path[...$0]) } ?? ""
  }

  /// Of what ffmpeg makes of a file; nil where it makes nothing of it.
  private static func conversion(of path: String) throws -> Fingerprint? {
    guard let builder = Fingerprint.Builder(),
      let conversion = try? Conversion(InputFile(path: path))
    else { return nil }
    do {
      while let piece = try conversion.next() { builder.append(Array(piece)) }
    } catch {
      return nil
    }
    return builder.fingerprint()
  }
}

extension InputFile {
  /// The first bytes, `count` at most.
  func start(_ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count, let piece = try self.next() { bytes += piece }
    return Array(bytes.prefix(count))
  }

  /// Of all that is left of it.
  func fingerprint() throws -> Fingerprint {
    guard let builder = Fingerprint.Builder() else { throw Failure(message: "no memory left") }
    while let piece = try self.next() { builder.append(Array(piece)) }
    return builder.fingerprint()
  }
}
