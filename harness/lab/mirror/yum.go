package mirror

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
)

// Yum is a repository for dnf and yum of these packages below a path such as
// "/yum": each package is signed, and so is the list of the indexes. The
// indexes have the form that createrepo_c gives them.
func Yum(path string, key *Key, packages []Package) (Files, error) {
	f := Files{}
	primary := primaryIndex{Space: "http://linux.duke.edu/metadata/common", SpaceRPM: "http://linux.duke.edu/metadata/rpm", Count: len(packages)}
	lists := fileIndex{Space: "http://linux.duke.edu/metadata/filelists", Count: len(packages)}
	for _, p := range packages {
		data, err := p.rpm(key)
		if err != nil {
			return nil, fmt.Errorf("make the package %s %s: %w", p.Name, p.Version, err)
		}
		where := fmt.Sprintf("packages/%s-%s-%s.noarch.rpm", p.Name, p.Version, release)
		f[path+"/"+where] = data
		sum := fmt.Sprintf("%x", sha256.Sum256(data))
		primary.Packages = append(primary.Packages, p.primary(where, sum, len(data)))
		lists.Packages = append(lists.Packages, fileEntry{ID: sum, Name: p.Name, Arch: "noarch", Version: p.edition(), Files: []string{p.path()}})
	}
	md := indexList{Space: "http://linux.duke.edu/metadata/repo", Revision: made.Unix()}
	for _, index := range []struct {
		kind string
		of   any
	}{{"primary", primary}, {"filelists", lists}} {
		data, packed, err := compressed(index.of)
		if err != nil {
			return nil, fmt.Errorf("make the index %s: %w", index.kind, err)
		}
		href := "repodata/" + index.kind + ".xml.gz"
		f[path+"/"+href] = packed
		md.Data = append(md.Data, indexEntry{
			Kind: index.kind, Sum: sha256Sum(packed), OpenSum: sha256Sum(data), Location: location{href},
			Made: made.Unix(), Size: len(packed), OpenSize: len(data),
		})
	}
	list, err := xml.Marshal(md)
	if err != nil {
		return nil, err
	}
	list = append([]byte(xml.Header), list...)
	signature, err := key.armoredSignature(list)
	if err != nil {
		return nil, fmt.Errorf("sign the repository: %w", err)
	}
	f[path+"/repodata/repomd.xml"], f[path+"/repodata/repomd.xml.asc"] = list, signature
	return f, nil
}

type (
	indexList struct {
		XMLName  xml.Name     `xml:"repomd"`
		Space    string       `xml:"xmlns,attr"`
		Revision int64        `xml:"revision"`
		Data     []indexEntry `xml:"data"`
	}
	indexEntry struct {
		Kind     string   `xml:"type,attr"`
		Sum      checksum `xml:"checksum"`
		OpenSum  checksum `xml:"open-checksum"`
		Location location `xml:"location"`
		Made     int64    `xml:"timestamp"`
		Size     int      `xml:"size"`
		OpenSize int      `xml:"open-size"`
	}
	checksum struct {
		Kind  string `xml:"type,attr"`
		IsID  string `xml:"pkgid,attr,omitempty"`
		Value string `xml:",chardata"`
	}
	location struct {
		Href string `xml:"href,attr"`
	}
	edition struct {
		Epoch   string `xml:"epoch,attr"`
		Version string `xml:"ver,attr"`
		Release string `xml:"rel,attr"`
	}
	primaryIndex struct {
		XMLName  xml.Name       `xml:"metadata"`
		Space    string         `xml:"xmlns,attr"`
		SpaceRPM string         `xml:"xmlns:rpm,attr"`
		Count    int            `xml:"packages,attr"`
		Packages []primaryEntry `xml:"package"`
	}
	primaryEntry struct {
		Type        string   `xml:"type,attr"`
		Name        string   `xml:"name"`
		Arch        string   `xml:"arch"`
		Version     edition  `xml:"version"`
		Sum         checksum `xml:"checksum"`
		Summary     string   `xml:"summary"`
		Description string   `xml:"description"`
		Packager    string   `xml:"packager"`
		URL         string   `xml:"url"`
		Time        struct {
			File  int64 `xml:"file,attr"`
			Build int64 `xml:"build,attr"`
		} `xml:"time"`
		Size struct {
			Package   int `xml:"package,attr"`
			Installed int `xml:"installed,attr"`
			Archive   int `xml:"archive,attr"`
		} `xml:"size"`
		Location location `xml:"location"`
		Format   struct {
			Licence  string     `xml:"rpm:license"`
			Provides []relation `xml:"rpm:provides>rpm:entry"`
			Requires []relation `xml:"rpm:requires>rpm:entry"`
			Files    []string   `xml:"file"`
		} `xml:"format"`
	}
	relation struct {
		Name    string `xml:"name,attr"`
		Flags   string `xml:"flags,attr,omitempty"`
		Epoch   string `xml:"epoch,attr,omitempty"`
		Version string `xml:"ver,attr,omitempty"`
		Release string `xml:"rel,attr,omitempty"`
	}
	fileIndex struct {
		XMLName  xml.Name    `xml:"filelists"`
		Space    string      `xml:"xmlns,attr"`
		Count    int         `xml:"packages,attr"`
		Packages []fileEntry `xml:"package"`
	}
	fileEntry struct {
		ID      string   `xml:"pkgid,attr"`
		Name    string   `xml:"name,attr"`
		Arch    string   `xml:"arch,attr"`
		Version edition  `xml:"version"`
		Files   []string `xml:"file"`
	}
)

func (p Package) edition() edition { return edition{"0", p.Version, release} }

// primary is what the first index says of the package.
func (p Package) primary(where, sum string, size int) primaryEntry {
	e := primaryEntry{
		Type: "rpm", Name: p.Name, Arch: "noarch", Version: p.edition(), Sum: checksum{"sha256", "YES", sum},
		Summary: "package of the lab", Description: "package of the lab", Location: location{where},
	}
	e.Time.File, e.Time.Build = made.Unix(), made.Unix()
	e.Size.Package, e.Size.Installed = size, len(p.program())+p.Padding
	e.Format.Licence = "none"
	e.Format.Provides = []relation{{p.Name, "EQ", "0", p.Version, release}}
	for _, name := range p.Needs {
		e.Format.Requires = append(e.Format.Requires, relation{Name: name})
	}
	e.Format.Files = []string{p.path()}
	return e
}

func sha256Sum(b []byte) checksum {
	return checksum{Kind: "sha256", Value: fmt.Sprintf("%x", sha256.Sum256(b))}
}

// compressed is an index as XML, and the same with gzip.
func compressed(index any) (data, packed []byte, err error) {
	data, err = xml.Marshal(index)
	if err != nil {
		return nil, nil, err
	}
	data = append([]byte(xml.Header), data...)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		return nil, nil, err
	}
	if err := z.Close(); err != nil {
		return nil, nil, err
	}
	return data, b.Bytes(), nil
}
