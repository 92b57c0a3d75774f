module sender

go 1.18

require github.com/elastic/go-lumber v0.1.0

require github.com/klauspost/compress v1.15.15 // indirect
