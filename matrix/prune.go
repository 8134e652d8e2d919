package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"innkeeper/images/build"
	"innkeeper/images/system"
)

// imageDir is where the builder keeps the image of a recipe.
func imageDir(cache, name, hash string) string {
	return filepath.Join(cache, "images", "image-"+name+"-"+hash[:16])
}

func built(cache, name, hash string) bool {
	info, err := os.Stat(imageDir(cache, name, hash))
	return err == nil && info.IsDir()
}

// prune removes images whose recipe is no longer that of any system, and every
// saved guest, which the next run saves anew: a saved guest's name does not
// tell which image it stands on. It returns how many folders went.
func prune(cache string, systems []system.System) (int, error) {
	wanted := map[string]bool{}
	for _, s := range systems {
		hash, err := build.RecipeHash(s)
		if err != nil {
			return 0, err
		}
		wanted[imageDir(cache, s.Name, hash)] = true
	}
	images, err := filepath.Glob(filepath.Join(cache, "images", "image-*"))
	if err != nil {
		return 0, err
	}
	saved, err := filepath.Glob(filepath.Join(cache, "warm", "*"))
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, dir := range append(images, saved...) {
		if wanted[strings.TrimSuffix(dir, ".lock")] {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return removed, fmt.Errorf("prune: %w", err)
		}
		removed++
	}
	return removed, nil
}
