/// The version that `--version`, `Status` and the files we make tell.
enum DaemonVersion {
  static let current = "0.1.0"
}
