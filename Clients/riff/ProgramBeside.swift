#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A program that stands beside this one.
enum ProgramBeside {
  /// Its path; nil where there is none that can be run.
  static func path(_ name: String) -> String? {
    let program = Self.folder + "/" + name
    return access(program, X_OK) == 0 ? program : nil
  }

  /// The folder that this program stands in.
  static var folder: String {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    let path =
      count > 0
      ? String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
      : CommandLine.arguments[0]
    return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }
}
