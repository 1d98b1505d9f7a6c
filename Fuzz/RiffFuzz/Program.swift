internal import CLibFuzzer
internal import Glibc

/// `riff-fuzz TARGET [libFuzzer's arguments]`. SwiftPM names an executable's entry so; libFuzzer has a
/// main function of its own.
@_cdecl("RiffFuzz_main")
@MainActor
public func riffFuzzMain(
  _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
  let name = count > 1 ? arguments?[1].map { String(cString: $0) } : nil
  guard let name, let target = targets[name], let arguments else {
    say("usage: riff-fuzz TARGET [libFuzzer's arguments]")
    say("targets: " + targets.keys.sorted().joined(separator: " "))
    return 64
  }
  chosen = target
  arguments[1] = arguments[0]
  var rest: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments + 1
  var restCount = count - 1
  return LLVMFuzzerRunDriver(&restCount, &rest) { data, size in
    MainActor.assumeIsolated { runOne(data, size) }
  }
}

@MainActor private var chosen: (inout Bytes) throws -> Void = { _ in }

@MainActor
private func runOne(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  var bytes = Bytes(UnsafeRawBufferPointer(start: data, count: size))
  do {
    try chosen(&bytes)
  } catch {
    say("found: \(error)")
    abort()
  }
  return 0
}

private func say(_ text: String) {
  let line = Array((text + "\n").utf8)
  _ = write(STDERR_FILENO, line, line.count)
}
