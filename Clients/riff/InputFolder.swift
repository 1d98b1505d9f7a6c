import AudioIO

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

/// A folder whose sounds all have the same done to them.
struct InputFolder {
  let path: String
  /// Names of the files in it, in order; hidden ones and folders are left out.
  let names: [String]

  /// Nil where the path is not a folder's.
  ///
  /// - Throws: ``Failure`` when it cannot be read.
  init?(path: String) throws {
    var status = stat()
    guard path != "-", stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      return nil
    }
    self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    do {
      let folder = self.path
      self.names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted().filter {
        var status = stat()
        return !$0.hasPrefix(".") && stat(folder + "/" + $0, &status) == 0
          && status.st_mode & S_IFMT == S_IFREG
      }
    } catch {
      throw Failure(message: "cannot read the folder \(path)")
    }
  }

  /// Does the work to each sound, one after the other, and skips what is not one, with a line.
  ///
  /// - Parameters:
  ///   - output: The folder for what is made, as `-o` says; made if it is missing.
  ///   - work: Gets a file, and what the path of its result begins with.
  /// - Throws: ``Failure`` where there is no sound, or what ends all of it; what `work` throws otherwise.
  func each(
    into output: String?, quiet: Bool,
    _ work: (_ file: String, _ base: String) async throws -> Void
  ) async throws {
    guard let output else {
      throw Failure.usage("\(self.path) is a folder: name one for the results with -o")
    }
    if mkdir(output, 0o777) != 0, errno != EEXIST {
      throw Failure(file: output, "make the folder", errno: errno)
    }
    var status = stat()
    guard stat(output, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw Failure.usage("-o \(output): the results of a folder go into a folder")
    }
    var count = 0
    for (index, name) in self.names.enumerated() {
      let file = self.path + "/" + name
      let start = try InputFile(path: file).start(64)
      if let why = try await Self.reason(toSkip: file, start) {
        Self.skip(file, why)
        continue
      }
      if !quiet {
        Terminal.standardError.write("riff: \(index + 1) of \(self.names.count): \(name)\n")
      }
      do {
        try await work(file, output + "/" + FileName.stem(path: name))
        count += 1
      } catch let failure as Failure where failure.isOfUpload {
        Self.skip(file, failure.message)
      }
    }
    guard count > 0 else { throw Failure(message: "there is no sound in \(self.path)") }
  }

  /// Why a file is not a sound; nil where it may be one.
  private static func reason(toSkip file: String, _ start: [UInt8]) async throws -> String? {
    if start.isEmpty { return "it is empty" }
    switch AudioFormat(detecting: start) {
    case .wav, .flac, .mp3, .ogg, .aiff, .unsupported: return nil
    case .picture: return "it is a picture"
    case .midi, .unknown: return try await Conversion.reads(file) ? nil : "it is not a sound"
    }
  }

  private static func skip(_ file: String, _ why: String) {
    Terminal.standardError.write("riff: \(file): skipped: \(why)\n")
  }
}
